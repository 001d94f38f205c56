package rediscache

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sagasu/internal/rediscache/redistest"
)

// certificate writes a certificate for loopback, signed by its own key, and that key.
func certificate(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: private},
	} {
		require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(block), 0o600))
	}
	return certFile, keyFile
}

// freePort gives a port that was free a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	return port
}

func TestTLS(t *testing.T) {
	certFile, keyFile := certificate(t)
	port := freePort(t)
	redistest.Start(t, "--tls-port", port, "--tls-cert-file", certFile, "--tls-key-file", keyFile,
		"--tls-auth-clients", "no")
	cfg := testConfig("127.0.0.1:" + port)
	cfg.TLS = true
	t.Run("with the certificate", func(t *testing.T) {
		cfg := cfg
		cfg.CAFile = certFile
		x := newCache(t, realClient(t, cfg), 0)
		sets(t, x, "k", []byte("v"))
	})
	for name, file := range map[string]string{
		"with certificates of others": "", "without a file": "/nonexistent", "with a file of something else": keyFile,
	} {
		t.Run(name, func(t *testing.T) {
			cfg := testConfig(cfg.Addresses...)
			cfg.TLS, cfg.CAFile = true, file
			_, err := dial(&cfg)
			require.Error(t, err)
		})
	}
}

func TestCluster(t *testing.T) {
	server := redistest.Start(t, "--cluster-enabled", "yes")
	single := testConfig(server.Address)
	s, err := dial(&single)
	require.NoError(t, err)
	r, ok := s.(*redis)
	require.True(t, ok)
	require.NoError(t, r.client.Do(t.Context(), r.client.B().ClusterAddslotsrange().StartSlotEndSlot().
		StartSlotEndSlot(0, 16383).Build()).Error())
	s.close()
	// The other address is of a node that is down.
	x := newCache(t, realClient(t, testConfig("127.0.0.1:"+freePort(t), server.Address)), 0)
	sets(t, x, "k", []byte("v"))
	sets(t, x, "l", []byte("w"))
	require.Equal(t, [][]byte{[]byte("v"), nil, []byte("w")}, x.GetMany(t.Context(), []string{"k", "none", "l"}))
	ok, _ = x.client.Limiter().Allow(t.Context(), "k", 0.01, 1)
	require.True(t, ok)
	ok, _ = x.client.Limiter().Allow(t.Context(), "k", 0.01, 1)
	require.False(t, ok)
}

func TestSentinel(t *testing.T) {
	server := redistest.Start(t)
	_, port, err := net.SplitHostPort(server.Address)
	require.NoError(t, err)
	own := freePort(t)
	// A sentinel writes to its file.
	file := filepath.Join(t.TempDir(), "sentinel.conf")
	require.NoError(t, os.WriteFile(file, []byte("port "+own+"\nbind 127.0.0.1\ndaemonize no\nlogfile /dev/null\n"+
		"sentinel monitor main 127.0.0.1 "+port+" 1\n"), 0o600))
	sentinel := exec.Command("redis-server", file, "--sentinel")
	require.NoError(t, sentinel.Start())
	t.Cleanup(func() {
		require.NoError(t, sentinel.Process.Kill())
		_ = sentinel.Wait() // killed is what it was
	})
	cfg := testConfig("127.0.0.1:"+freePort(t), "127.0.0.1:"+own)
	cfg.Master = "main"
	x := newCache(t, realClient(t, cfg), 0)
	sets(t, x, "k", []byte("v"))
	other := newCache(t, realClient(t, testConfig(server.Address)), 0)
	waitOpen(t, other.client)
	require.True(t, has(t, other, "k"))
}
