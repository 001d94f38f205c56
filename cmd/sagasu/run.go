package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// The exit codes, as docs/cli.md promises.
const (
	exitOK = 0
	// exitFailure is any failure without a code of its own.
	exitFailure = 1
	// exitUsage is a wrong flag, argument or configuration: nothing was tried.
	exitUsage = 2
	// exitUnreachable means that the server did not answer.
	exitUnreachable = 3
	// exitPartial means that some items failed, and the others are done.
	exitPartial = 4
)

// exitError is an error with an exit code.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// usageError makes an error of what the user typed.
func usageError(format string, args ...any) error {
	return &exitError{code: exitUsage, err: fmt.Errorf(format, args...)}
}

// terminal is where a command reads and writes: data on out, messages on err.
type terminal struct {
	in       io.Reader
	out, err io.Writer
	// env is the environment, "NAME=value".
	env []string
	// format is json or table.
	format string
}

// run is the whole program: it returns the exit code.
func run(ctx context.Context, args, env []string, stdin io.Reader, stdout, stderr io.Writer) int {
	t := &terminal{in: stdin, out: stdout, err: stderr, env: env}
	root := rootCommand(t)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	// A failing stderr leaves nobody to tell; the exit code still does.
	_, _ = fmt.Fprintln(stderr, "sagasu:", err)
	var coded *exitError
	if errors.As(err, &coded) {
		return coded.code
	}
	return exitFailure
}

func rootCommand(t *terminal) *cobra.Command {
	root := &cobra.Command{
		Use:           "sagasu",
		Short:         "Hybrid search: by words and by meaning",
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if t.format != formatTable && t.format != formatJSON {
				return usageError("--output is %q, must be %s or %s", t.format, formatTable, formatJSON)
			}
			return nil
		},
	}
	root.SetIn(t.in)
	root.SetOut(t.out)
	root.SetErr(t.err)
	root.PersistentFlags().StringVarP(&t.format, "output", "o", formatTable, "how to print results: table or json")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError("%w (see %s --help)", err, c.CommandPath())
	})
	root.AddCommand(serveCommand(t), configCommand(t), indexCommand(t), bulkCommand(t), jobsCommand(t), ingestCommand(t),
		documentsCommand(t), searchCommand(t), evalCommand(t), statusCommand(t), nodesCommand(t), shardsCommand(t),
		doctorCommand(t), snapshotCommand(t), recoverCommand(t), versionCommand(t), benchCommand(t))
	root.AddCommand(keyCommand(t), roleCommand(t), auditCommand(t))
	root.AddCommand(operationsCommand(t), moveCommand(t), rebalanceCommand(t), explainCommand(t), drainCommand(t),
		undrainCommand(t))
	root.CompletionOptions.HiddenDefaultCmd = true
	return root
}

// exactly makes a wrong number of arguments a usage error that names them.
func exactly(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != n {
			return usageError("%s takes %d argument(s), got %d: %s", c.CommandPath(), n, len(args), c.UseLine())
		}
		return nil
	}
}

// group is a command that only holds others.
func group(c *cobra.Command, children ...*cobra.Command) *cobra.Command {
	c.AddCommand(children...)
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usageError("unknown command %q for %q", args[0], c.CommandPath())
		}
		return usageError("%s needs a command: see %s --help", c.CommandPath(), c.CommandPath())
	}
	return c
}
