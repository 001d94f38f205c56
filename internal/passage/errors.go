package passage

import "errors"

// ErrConfig is returned by Config.Validate for a configuration that can't be.
var ErrConfig = errors.New("bad configuration of passages")
