package blob

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// S3 keeps objects in a bucket of an S3 server.
type S3 struct {
	core           minio.Core
	bucket, prefix string
	close          func()
}

var _ Store = (*S3)(nil)

// OpenS3 gives the store of a bucket. The server is not asked yet.
func OpenS3(cfg S3Config) (*S3, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	u, err := url.Parse(cfg.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("%w: endpoint is no URL", ErrConfig)
	}
	lookup := minio.BucketLookupPath
	if cfg.VirtualHost {
		lookup = minio.BucketLookupDNS
	}
	via := newTransport(&cfg)
	core, err := minio.NewCore(u.Host, &minio.Options{
		Creds:  credentials.NewStaticV4(cfg.AccessKey, cfg.SecretKey, cfg.Session),
		Secure: u.Scheme == "https", Region: cfg.Region, BucketLookup: lookup, Transport: via,
		MaxRetries: 1, // Guard repeats
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	prefix := cfg.Prefix
	if prefix != "" {
		prefix += "/"
	}
	return &S3{core: *core, bucket: cfg.Bucket, prefix: prefix, close: via.CloseIdleConnections}, nil
}

// Close lets go of idle connections.
func (s *S3) Close() error {
	s.close()
	return nil
}

// Put implements Store. Servers that know no conditions overwrite, so what is there is looked at before.
func (s *S3) Put(ctx context.Context, name string, body Body, content Content) (err error) {
	fail := func(err error) error { return fmt.Errorf("put object %.200q: %w", name, serverError(err)) }
	if err := CheckName(name); err != nil {
		return fail(err)
	}
	switch _, err := s.Stat(ctx, name); {
	case err == nil:
		return fail(ErrExists)
	case !errors.Is(err, ErrNotFound):
		return err
	}
	from, err := body()
	if err != nil {
		return fail(err)
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	opts := minio.PutObjectOptions{ContentType: "application/octet-stream"}
	opts.SetMatchETagExcept("*")
	if content.Size <= partBytes {
		// The server compares it with what it got.
		opts.DisableMultipart = true
		opts.UserMetadata = map[string]string{
			"X-Amz-Checksum-Sha256": base64.StdEncoding.EncodeToString(content.SHA256[:]),
		}
	} else {
		opts.SendContentMd5 = true // of each part
		opts.PartSize = max(partBytes, uint64(content.Size)/maxParts+1)
	}
	checking := check(from, content)
	if content.Size == 0 { // the client would not look
		if err := checking.end(); !errors.Is(err, io.EOF) {
			return fail(err)
		}
	}
	_, err = s.core.Client.PutObject(ctx, s.bucket, s.prefix+name, onlyReader{checking}, content.Size, opts)
	if checking.err != nil && !errors.Is(checking.err, io.EOF) {
		err = checking.err // what came of it at the server is its consequence
	}
	if err != nil {
		return fail(err)
	}
	return nil
}

// onlyReader hides what else a reader can, which the client would use.
type onlyReader struct{ io.Reader }

// Get implements Store.
func (s *S3) Get(ctx context.Context, name string) (io.ReadCloser, int64, error) {
	fail := func(err error) (io.ReadCloser, int64, error) {
		return nil, 0, fmt.Errorf("get object %.200q: %w", name, serverError(err))
	}
	if err := CheckName(name); err != nil {
		return fail(err)
	}
	body, info, _, err := s.core.GetObject(ctx, s.bucket, s.prefix+name, minio.GetObjectOptions{})
	if err != nil {
		return fail(err)
	}
	return explaining{body}, info.Size, nil
}

// explaining gives the errors of a connection their meaning.
type explaining struct{ io.ReadCloser }

// Read implements io.Reader.
func (e explaining) Read(p []byte) (int, error) {
	n, err := e.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = serverError(err)
	}
	return n, err
}

// Stat implements Store.
func (s *S3) Stat(ctx context.Context, name string) (Info, error) {
	if err := CheckName(name); err != nil {
		return Info{}, fmt.Errorf("stat object %.200q: %w", name, err)
	}
	info, err := s.core.Client.StatObject(ctx, s.bucket, s.prefix+name, minio.StatObjectOptions{})
	if err != nil {
		return Info{}, fmt.Errorf("stat object %s: %w", name, serverError(err))
	}
	return Info{Name: name, Size: info.Size, Modified: info.LastModified}, nil
}

// List implements Store.
func (s *S3) List(ctx context.Context, prefix string, each func(Info) error) error {
	if err := checkPrefix(prefix); err != nil {
		return fmt.Errorf("list objects: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	opts := minio.ListObjectsOptions{Prefix: s.prefix + prefix, Recursive: true}
	for o := range s.core.ListObjectsIter(ctx, s.bucket, opts) {
		if o.Err != nil {
			return fmt.Errorf("list objects: %w", serverError(o.Err))
		}
		name := strings.TrimPrefix(o.Key, s.prefix)
		if CheckName(name) != nil {
			continue // not one of ours
		}
		if err := each(Info{Name: name, Size: o.Size, Modified: o.LastModified}); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("list objects: %w", err)
	}
	return nil
}

// Delete implements Store.
func (s *S3) Delete(ctx context.Context, name string) error {
	if err := CheckName(name); err != nil {
		return fmt.Errorf("delete object %.200q: %w", name, err)
	}
	err := s.core.RemoveObject(ctx, s.bucket, s.prefix+name, minio.RemoveObjectOptions{})
	err = serverError(err)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("delete object %s: %w", name, err)
	}
	return nil
}
