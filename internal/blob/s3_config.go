package blob

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// S3Config configures an S3 store.
type S3Config struct {
	// Endpoint is the server's URL, such as https://s3.eu-central-1.amazonaws.com.
	Endpoint string
	// Bucket must be there.
	Bucket string
	// Prefix is put before the names, with a slash between; may be empty.
	Prefix string
	// Region is the bucket's; empty asks the server.
	Region string
	// VirtualHost puts the bucket's name into that of the host instead of the path.
	VirtualHost bool
	// RootCAs are what the server's certificate is held to; nil for the machine's.
	RootCAs *x509.CertPool
	// AccessKey, SecretKey and Session (empty for none) are the credentials. They are in no error and no log.
	AccessKey, SecretKey, Session string
	// Stall is how long a connection may go without moving a byte.
	Stall time.Duration
}

// DefaultS3 gives the defaults; Endpoint, Bucket and the credentials are to be set.
func DefaultS3() S3Config { return S3Config{Stall: DefaultStall} }

// Validate names what is missing or can't be; ErrConfig.
func (c *S3Config) Validate() error {
	var errs []error
	wrong := func(is bool, format string, args ...any) {
		if is {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	u, err := url.Parse(c.Endpoint)
	wrong(err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.Path != "" && u.Path != "/" ||
		u.User != nil || u.RawQuery != "" || u.Fragment != "",
		"endpoint is not the URL of a server, http(s)://HOST[:PORT]")
	wrong(!validBucket(c.Bucket), "bucket %.64q: must be 3 to 63 small letters, digits, \".\" and \"-\"", c.Bucket)
	if c.Prefix != "" {
		err := CheckName(c.Prefix)
		wrong(err != nil, "prefix: %w", err)
	}
	wrong(c.AccessKey == "" || c.SecretKey == "", "the access key or the secret key is not set")
	wrong(c.Stall <= 0, "Stall is %s", c.Stall)
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return nil
}

func validBucket(name string) bool {
	ok, err := regexp.MatchString(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`, name)
	return err == nil && ok && !strings.Contains(name, "..")
}

func (c *S3Config) tls() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.RootCAs}
}
