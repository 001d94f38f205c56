package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"sagasu/api"
	"sagasu/internal/source"
)

// maxIngestWorkers bounds --concurrency: the server takes 256 writes at once, of all clients.
const maxIngestWorkers = 32

func ingestCommand(t *terminal) *cobra.Command {
	g := &ingest{terminal: t}
	c := &cobra.Command{
		Use:   "ingest PATH... --index NAME",
		Short: "Load files: text, Markdown, HTML, JSON Lines, CSV",
		Long: "Reads files, or all files under directories, into documents. A file of text, Markdown or HTML is one\n" +
			"document with the fields title, text, lang, path, kind and modified, and what its front matter has; each line\n" +
			"of JSON Lines and each row of CSV is one. What the index has no field for is left out.\n" +
			"Files and documents that fail are listed at the end; the exit code is then 4.",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError("%s takes at least one path: %s", c.CommandPath(), c.UseLine())
			}
			return nil
		},
		RunE: g.run,
	}
	c.Flags().StringVar(&g.index, "index", "", "index to write to")
	c.Flags().StringVar(&g.idField, "id-field", "", "column, member or key of front matter that holds the id")
	c.Flags().StringArrayVar(&g.mapping, "field-map", nil,
		"a=b reads a into the field b, a= leaves it out; may be given several times")
	c.Flags().StringArrayVar(&g.globs, "glob", nil, "read only files that match, e.g. '*.md' or 'docs/**/*.html'")
	c.Flags().BoolVar(&g.dryRun, "dry-run", false, "send nothing: show what would be sent")
	c.Flags().BoolVar(&g.resume, "resume", false, "send only files that are new or have changed since the last run")
	c.Flags().BoolVar(&g.deleteMissing, "delete-missing", false,
		"with --resume: delete the documents of what was sent before and is gone")
	c.Flags().StringVar(&g.statePath, "state", "", "file that remembers what was sent; by default one for these paths")
	c.Flags().IntVar(&g.workers, "concurrency", 2, "requests at once")
	c.Flags().BoolVar(&g.waitDense, "wait-dense", false, "wait until the documents can be found by meaning")
	addServerFlag(c)
	return c
}

// ingest is one load of files.
type ingest struct {
	*terminal
	index, idField, statePath                string
	mapping, globs                           []string
	dryRun, resume, deleteMissing, waitDense bool
	workers                                  int

	server *client
	opts   *source.Options
	roots  []source.Root
	state  *ingestState
	report *ingestReport
}

func (g *ingest) run(c *cobra.Command, args []string) (err error) {
	if err := g.check(args); err != nil {
		return err
	}
	if g.server, err = newClient(c, g.env); err != nil {
		return err
	}
	ctx := c.Context()
	if err := g.describe(ctx); err != nil {
		return err
	}
	files, faults, err := source.Find(ctx, g.roots, g.opts)
	if err != nil {
		return err
	}
	g.report = newIngestReport(g.terminal, g.index, len(files))
	for _, f := range faults {
		g.report.fault(f.Path, f.Err)
	}
	if g.dryRun {
		err = g.rehearse(ctx, files)
	} else {
		err = g.load(ctx, files)
	}
	// What is known is told even when the rest could not be done.
	return errors.Join(err, g.report.print(), g.report.failure())
}

// check refuses flags that can't be, and opens the roots.
func (g *ingest) check(args []string) error {
	switch {
	case g.index == "":
		return usageError("--index is not set")
	case g.workers < 1 || g.workers > maxIngestWorkers:
		return usageError("--concurrency is %d, must be 1 to %d", g.workers, maxIngestWorkers)
	case g.deleteMissing && !g.resume:
		return usageError("--delete-missing needs --resume: only that knows what was sent before")
	}
	g.opts = &source.Options{Globs: g.globs, IDField: g.idField, FieldMap: map[string]string{}}
	for _, m := range g.mapping {
		from, to, ok := strings.Cut(m, "=")
		if _, twice := g.opts.FieldMap[from]; !ok || from == "" || twice {
			return usageError("--field-map %q must be a=b or a=, and each a once", m)
		}
		g.opts.FieldMap[from] = to
	}
	for _, arg := range args {
		root, err := source.OpenRoot(arg)
		if err != nil {
			return usageError("%w", err)
		}
		g.roots = append(g.roots, root)
	}
	return nil
}

// describe learns the schema of the index, and opens the state.
func (g *ingest) describe(ctx context.Context) error {
	var info api.IndexInfo
	if err := g.server.callJSON(ctx, http.MethodGet, indexPath(g.index), nil, &info); err != nil {
		return err
	}
	g.opts.Schema = &info.Schema
	if err := g.opts.Validate(); err != nil {
		return usageError("%w", err)
	}
	if g.dryRun && !g.resume {
		return nil // nothing is remembered
	}
	identity, err := g.identify(ctx)
	if err != nil {
		return err
	}
	path := g.statePath
	if path == "" {
		if path = defaultStatePath(g.env, g.server.base, g.index, g.roots); path == "" {
			if g.resume {
				return usageError("--resume needs --state FILE: neither XDG_STATE_HOME nor HOME is set")
			}
			return nil
		}
	}
	if g.state, err = openIngestState(path, identity, g.dryRun); err != nil {
		return err
	}
	if g.resume && g.state.other {
		return g.message("the index is another one than in the last run: all files are sent")
	}
	return nil
}

// identify gives what tells the index from others of its name, also earlier ones: a shard's id.
func (g *ingest) identify(ctx context.Context) (string, error) {
	var answer struct {
		Shards []api.ShardStatus `json:"shards"`
	}
	path := "/v1/cluster/shards?index=" + url.QueryEscape(g.index)
	if err := g.server.callJSON(ctx, http.MethodGet, path, nil, &answer); err != nil {
		return "", err
	}
	for _, s := range answer.Shards {
		if s.Ordinal == 0 {
			return s.Shard, nil
		}
	}
	return "", fmt.Errorf("index %q has no shard", g.index)
}

// unchanged reports whether a file was sent before as it is. One whose time alone has changed is read to see.
func (g *ingest) unchanged(ctx context.Context, f *source.File) (bool, error) {
	if !g.resume {
		return false, nil
	}
	sent, ok := g.state.sent(f.Path)
	if !ok || sent.Failed || sent.Size != f.Size || sent.Options != g.fingerprint() {
		return false, nil
	}
	if sent.Modified.Equal(f.ModTime) {
		return true, nil
	}
	sum, err := f.Checksum(ctx)
	if err != nil {
		return false, err
	}
	if fmt.Sprintf("%x", sum) != sent.Checksum {
		return false, nil
	}
	sent.Modified = f.ModTime
	return true, g.state.note(sent)
}

// fingerprint tells what else decides how a file becomes documents.
func (g *ingest) fingerprint() string {
	return digest(append([]string{g.idField}, g.mapping...)...)
}

// rehearse shows what would be sent.
func (g *ingest) rehearse(ctx context.Context, files []*source.File) error {
	seen := newIDSet()
	for _, f := range files {
		same, err := g.unchanged(ctx, f)
		if err == nil && same {
			g.report.Unchanged++
			continue
		}
		if err == nil {
			_, err = f.Each(ctx, g.opts, func(item source.Item) error {
				if item.Err == nil {
					item.Err = seen.add(item.ID, f.Path)
				}
				if item.Err == nil {
					_, item.Err = api.ParseDocument(g.opts.Schema, item.JSON)
				}
				g.report.rehearse(f, item)
				return nil
			})
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			g.report.fault(f.Path, err)
		}
	}
	if !g.deleteMissing {
		return nil
	}
	missing, err := g.state.missing(files, g.roots)
	g.report.Gone = len(missing)
	return err
}

// defaultStatePath gives a file for the server, the index and the paths, "" if there is no place for it.
func defaultStatePath(env []string, server, index string, roots []source.Root) string {
	dir := lookup(env, "XDG_STATE_HOME")
	if dir == "" {
		home := lookup(env, "HOME")
		if home == "" {
			return ""
		}
		dir = filepath.Join(home, ".local", "state")
	}
	parts := []string{server, index}
	for _, root := range roots {
		parts = append(parts, absolute(root.Path), root.File)
	}
	return filepath.Join(dir, "sagasu", "ingest", index+"-"+digest(parts...)+".jsonl")
}

// lookup gives a variable of the environment.
func lookup(env []string, name string) string {
	for _, e := range env {
		if value, ok := strings.CutPrefix(e, name+"="); ok {
			return value
		}
	}
	return ""
}
