package coordinator

import (
	"path/filepath"

	"sagasu/internal/consensus"
)

// metaConfig is the configuration of the metadata's log.
func (n *Node) metaConfig(dir string) consensus.Config {
	cfg := consensus.Default()
	cfg.Dir = filepath.Join(dir, metaLogDir)
	cfg.ID, cfg.Group, cfg.Bootstrap = "local", "meta", true
	cfg.Logger, cfg.Registerer = n.cfg.Logger, n.cfg.Registry
	return cfg
}
