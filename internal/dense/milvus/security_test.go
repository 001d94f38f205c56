package milvus

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/internal/dense"
	"sagasu/internal/dense/milvus/milvustest"
)

// TestSecurity speaks to a server that asks for a password, through one that asks for certificates; and then the
// server restarts.
func TestSecurity(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	server, err := milvustest.New("", "COMMON_SECURITY_AUTHORIZATIONENABLED=true")
	require.NoError(t, err)
	defer func() { require.NoError(t, server.Remove()) }()
	files, config := certificates(t)
	p := newProxy(t, server.Address, config)
	// Milvus's first user, with the password that its documentation tells to change.
	good := Default()
	good.Address, good.Username, good.Password = p.address, "root", "Milvus"
	good.TLS, err = LoadTLS(files)
	require.NoError(t, err)

	with := func(change func(*tls.Config)) *tls.Config {
		config := good.TLS.Clone()
		change(config)
		return config
	}
	t.Run("who lacks something is not let in", func(t *testing.T) {
		for name, spoil := range map[string]func(*Config){
			"no TLS":         func(c *Config) { c.TLS = nil },
			"no authority":   func(c *Config) { c.TLS = with(func(tls *tls.Config) { tls.RootCAs = nil }) },
			"no certificate": func(c *Config) { c.TLS = with(func(tls *tls.Config) { tls.Certificates = nil }) },
			"another name":   func(c *Config) { c.TLS = with(func(tls *tls.Config) { tls.ServerName = "other.test" }) },
			"wrong password": func(c *Config) { c.Password = "guess" },
			"no password":    func(c *Config) { c.Username, c.Password = "", "" },
			"wrong token":    func(c *Config) { c.Username, c.Password, c.Token = "", "", "root:guess" },
		} {
			bad := good
			spoil(&bad)
			x, err := connectWith(t, bad).Collection("refused", api.DenseConfig{Dims: 3}, nil)
			require.NoError(t, err)
			short, cancel := context.WithTimeout(ctx, 5*time.Second)
			require.ErrorIs(t, x.Prepare(short), dense.ErrUnavailable, name)
			cancel()
			require.NoError(t, x.Close())
		}
	})
	t.Run("a token is as good as a password", func(t *testing.T) {
		other := good
		other.Username, other.Password, other.Token = "", "", "root:Milvus"
		version, err := connectWith(t, other).Version(ctx)
		require.NoError(t, err)
		require.Contains(t, version, "2.")
	})
	t.Run("a database that is not there is named", func(t *testing.T) {
		other := good
		other.Database = "nowhere"
		x, err := connectWith(t, other).Collection("refused", api.DenseConfig{Dims: 3}, nil)
		require.NoError(t, err)
		require.ErrorContains(t, x.Prepare(ctx), "nowhere")
		require.NoError(t, x.Close())
	})
	t.Run("a restarted server is found again with its vectors", func(t *testing.T) {
		x := sameCollection(t, connectWith(t, good), "restart", api.DenseConfig{Dims: 3})
		defer func() { require.NoError(t, x.Close()) }()
		require.NoError(t, x.Upsert(ctx, some()))
		before, err := x.Identity(ctx)
		require.NoError(t, err)
		require.NoError(t, server.Stop())
		for name, call := range calls(x) {
			short, cancel := context.WithTimeout(ctx, 5*time.Second)
			require.ErrorIs(t, call(short), dense.ErrUnavailable, name)
			cancel()
		}
		require.NoError(t, server.Start())
		p.aim(server.Address)
		require.Eventually(t, func() bool { return calls(x)["search"](ctx) == nil }, time.Minute, 50*time.Millisecond)
		after, err := x.Identity(ctx)
		require.NoError(t, err)
		require.Equal(t, before, after)
		hits, err := x.Search(ctx, dense.Query{
			Vector: some()[0].Values, K: 5, Filter: &api.Prefix{Field: "tag", Value: "x"},
		})
		require.NoError(t, err)
		require.Len(t, hits, 1)
		require.Equal(t, "a", hits[0].ID)
	})
}

func TestLoadTLS(t *testing.T) {
	files, _ := certificates(t)
	for want, spoil := range map[string]func(*Certificates){
		"read authorities":   func(c *Certificates) { c.CA += ".gone" },
		"no certificate":     func(c *Certificates) { c.CA = c.Key },
		"needs a key":        func(c *Certificates) { c.Key = "" },
		"client certificate": func(c *Certificates) { c.Key = c.CA },
	} {
		bad := files
		spoil(&bad)
		_, err := LoadTLS(bad)
		require.ErrorContains(t, err, want)
	}
	config, err := LoadTLS(Certificates{})
	require.NoError(t, err)
	require.Nil(t, config.RootCAs)
}

// certificates makes an authority and two certificates by it: the client's, in files, and that of milvus.test.
func certificates(t *testing.T) (Certificates, *tls.Config) {
	t.Helper()
	dir := t.TempDir()
	issue := func(name string, parent *x509.Certificate, signer *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		template := &x509.Certificate{
			SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
			IsCA:        parent == nil, BasicConstraintsValid: true,
		}
		if parent == nil {
			parent, signer = template, key
		}
		der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
		require.NoError(t, err)
		cert, err := x509.ParseCertificate(der)
		require.NoError(t, err)
		return cert, key
	}
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		block := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
		require.NoError(t, os.WriteFile(path, block, 0o600))
		return path
	}
	authority, signer := issue("authority", nil, nil)
	server, serverKey := issue("milvus.test", authority, signer)
	client, clientKey := issue("client", authority, signer)
	key, err := x509.MarshalECPrivateKey(clientKey)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(authority)
	return Certificates{
			CA: write("ca.pem", "CERTIFICATE", authority.Raw), Cert: write("client.pem", "CERTIFICATE", client.Raw),
			Key: write("client.key", "EC PRIVATE KEY", key), ServerName: "milvus.test",
		}, &tls.Config{
			Certificates: []tls.Certificate{{Certificate: [][]byte{server.Raw}, PrivateKey: serverKey}},
			ClientCAs:    pool, ClientAuth: tls.RequireAndVerifyClientCert, NextProtos: []string{"h2"},
			MinVersion: tls.VersionTLS12,
		}
}
