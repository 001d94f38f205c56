package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"sagasu/coordinator"
	"sagasu/embedclient"
)

// shutdownTimeout bounds how long calls under way may take when the process is asked to end: below the
// 30 s that Kubernetes waits before it kills.
const shutdownTimeout = 20 * time.Second

func serveCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{
		Use:   "serve --data-dir DIR",
		Short: "Run a node",
		Long: "Runs a node until SIGTERM or SIGINT, then finishes the calls under way.\n" +
			"Each flag can also be given as the environment variable in brackets, or in the file.",
		Args: exactly(0),
	}
	addSettings(c.Flags())
	c.RunE = func(c *cobra.Command, _ []string) error {
		conf, err := resolve(c.Flags(), t.env)
		if err != nil {
			return err
		}
		return serve(c.Context(), t, conf)
	}
	return c
}

// process is what the parts of a running node share.
type process struct {
	logger    *slog.Logger
	registry  *prometheus.Registry
	caches    *caches
	embedders *embedclient.Services
	// milvus is nil when vectors are searched in this process.
	milvus *milvusServer
	// httpAddr and opsAddr are where the node listens.
	httpAddr, opsAddr string
}

// serve runs until ctx ends or a part fails.
func serve(ctx context.Context, t *terminal, conf *configuration) (err error) {
	p := &process{logger: slog.New(slog.NewTextHandler(t.err, nil))}
	if p.registry, err = newRegistry(); err != nil {
		return err
	}
	// Both ports are taken before the data is touched: who can't be reached has no business with it.
	apiListener, err := net.Listen("tcp", conf.get("http-addr"))
	if err != nil {
		return fmt.Errorf("listen for the API: %w", err)
	}
	opsListener, err := net.Listen("tcp", conf.get("ops-addr"))
	if err != nil {
		return errors.Join(fmt.Errorf("listen for operations: %w", err), apiListener.Close())
	}
	p.httpAddr, p.opsAddr = apiListener.Addr().String(), opsListener.Addr().String()
	if p.caches, err = newCaches(conf, p.logger, p.registry); err != nil {
		return errors.Join(err, apiListener.Close(), opsListener.Close())
	}
	defer p.caches.client.Close()
	if p.embedders, err = newEmbedders(conf, p); err != nil {
		return errors.Join(err, apiListener.Close(), opsListener.Close())
	}
	if p.embedders != nil {
		defer func() { err = errors.Join(err, p.embedders.Close()) }()
	}
	if p.milvus, err = newMilvus(conf); err != nil {
		return errors.Join(err, apiListener.Close(), opsListener.Close())
	}
	if p.milvus != nil {
		defer func() { err = errors.Join(err, p.milvus.close()) }()
	}
	started := time.Now()
	node, err := newNode(ctx, conf, p, t.sayFirstKey)
	if err != nil {
		return errors.Join(err, apiListener.Close(), opsListener.Close())
	}
	// The node is closed last: nobody is left then who would ask it.
	defer func() { err = errors.Join(err, node.Close()) }()

	audit, err := newAuditLog(conf, p, node.ID())
	if err != nil {
		return errors.Join(err, apiListener.Close(), opsListener.Close())
	}
	if audit != nil {
		defer func() { err = errors.Join(err, audit.Close()) }()
	}
	// A signal ends what is served only when the node has handed over what it leads: until then it answers.
	ctx, end := retiring(ctx, node)
	defer end()
	failed := make(chan error, 2)
	go func() { failed <- serveAPI(ctx, apiListener, conf, node, audit, p) }()
	go func() { failed <- serveOperations(ctx, opsListener, node, p) }()
	rpcAddr, gossipAddr := node.Addresses()
	p.logger.Info("serving", "api", "http://"+p.httpAddr, "operations", "http://"+p.opsAddr, "rpc", rpcAddr,
		"gossip", gossipAddr, "node", node.ID(), "data_dir", conf.get("data-dir"),
		"started_in", time.Since(started).Round(time.Millisecond))
	// The first to end takes the other with it.
	first := <-failed
	end()
	p.logger.Info("stopping")
	return errors.Join(first, <-failed)
}

// retiring gives a context that ends when the node has made itself ready for the end of ctx, or when end is called.
func retiring(ctx context.Context, node *coordinator.Node) (_ context.Context, end context.CancelFunc) {
	serving, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		node.Retire()
		cancel()
	})
	return serving, func() { stop(); cancel() }
}
