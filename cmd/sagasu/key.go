package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sagasu/api"
	"sagasu/internal/auth"
)

// keyVariable has the credential of the commands that talk to a server, keyFileVariable the file with it.
const (
	keyVariable     = "SAGASU_KEY"
	keyFileVariable = "SAGASU_KEY_FILE"
)

// clientKey gives the credential that a command is known by; "" for none. It is no flag: command lines can be seen.
func clientKey(c *cobra.Command, env []string) (string, error) {
	path, err := c.Flags().GetString("key-file")
	if err != nil {
		return "", err
	}
	vars := environment(env)
	if path == "" && vars[keyVariable] != "" {
		return strings.TrimSpace(vars[keyVariable]), nil
	}
	if path == "" {
		path = vars[keyFileVariable]
	}
	if path == "" {
		return "", nil
	}
	return readClientKey(path)
}

func keyCommand(t *terminal) *cobra.Command {
	return group(&cobra.Command{Use: "key", Short: "Make, list, rotate and revoke keys"},
		keyCreateCommand(t), keyListCommand(t), keyRotateCommand(t), keyRevokeCommand(t), keyWhoCommand(t),
		keyGenerateCommand(t))
}

// keyRequest is what the flags of key create say.
type keyRequest struct {
	api.KeyRequest
	expiresIn, filter string
	attributes        []string
	actions           []string
	file              string
}

func keyCreateCommand(t *terminal) *cobra.Command {
	var k keyRequest
	c := &cobra.Command{
		Use:   "create --role ROLE",
		Short: "Make a key, which is shown this once",
		Long: "Makes a key and prints it on standard output, this once: nobody can tell it again.\n" +
			"With --filter the key sees and writes the documents that the filter selects; ${name} in it stands for an\n" +
			"attribute, as in --filter '{\"term\":{\"tenant\":\"${tenant}\"}}' --attribute tenant=red.",
		Args: exactly(0),
	}
	f := c.Flags()
	f.StringVar(&k.Name, "name", "", "what the key is for")
	f.StringSliceVar(&k.Roles, "role", nil, "role it gives: admin, operator, writer, reader, monitor, or one of the cluster's own")
	f.StringSliceVar(&k.actions, "action", nil, "action it allows on --index, beside what its roles give")
	f.StringSliceVar(&k.Indexes, "index", nil, "bound it to these indexes; a name ending in * is the beginning of names")
	f.StringVar(&k.filter, "filter", "", "bound it to the documents that this filter selects, as JSON")
	f.StringArrayVar(&k.attributes, "attribute", nil, "name=value that filters use; again for more values")
	f.StringVar(&k.expiresIn, "expires-in", "", "how long it is good, such as 720h or 30d; empty for ever")
	f.StringVar(&k.file, "output-file", "", "write the key to a new file that nobody else can read, instead of printing it")
	addServerFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		server, err := newClient(c, t.env)
		if err != nil {
			return err
		}
		if err := k.settle(time.Now()); err != nil {
			return err
		}
		body, err := json.Marshal(k.KeyRequest)
		if err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
		var key api.NewKey
		if err := server.callJSON(c.Context(), http.MethodPost, "/v1/keys", body, &key); err != nil {
			return err
		}
		return t.showNewKey(&key, k.file)
	}
	return c
}

// settle makes the request of the flags.
func (k *keyRequest) settle(now time.Time) error {
	if len(k.Roles)+len(k.actions) == 0 {
		return usageError("neither --role nor --action is set: the key would give nothing")
	}
	if len(k.actions) > 0 {
		indexes := k.Indexes
		if len(indexes) == 0 {
			indexes = []string{"*"}
		}
		k.Permissions = []api.Permission{{Actions: k.actions, Indexes: indexes}}
	}
	if k.filter != "" {
		if _, err := auth.ParseFilter(k.filter); err != nil {
			return usageError("--filter: %w", err)
		}
		k.Filter = api.RawJSON(k.filter)
	}
	for _, pair := range k.attributes {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" || value == "" {
			return usageError("--attribute %q is not name=value", pair)
		}
		if k.Attributes == nil {
			k.Attributes = map[string][]string{}
		}
		k.Attributes[name] = append(k.Attributes[name], value)
	}
	if k.expiresIn == "" {
		return nil
	}
	d, err := parseSpan(k.expiresIn)
	if err != nil {
		return usageError("--expires-in: %w", err)
	}
	expires := now.Add(d).UTC().Truncate(time.Second)
	k.Expires = &expires
	return nil
}

// parseSpan reads a duration over 0, also in days.
func parseSpan(text string) (time.Duration, error) {
	hours, days := strings.CutSuffix(text, "d")
	if days {
		text = hours + "h"
	}
	d, err := time.ParseDuration(text)
	if days {
		d *= 24
	}
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is no time over 0 such as 720h or 30d", text)
	}
	return d, nil
}

// showNewKey prints a key, or puts it into a file; what is known of it goes to standard error.
func (t *terminal) showNewKey(key *api.NewKey, file string) error {
	if file != "" {
		if err := writeSecret(file, key.Key); err != nil {
			return err
		}
		return t.message("key %s is in %s", key.ID, file)
	}
	if t.format == formatJSON {
		return t.printJSON(key)
	}
	if err := t.message("key %s: it is shown this once, and stored nowhere", key.ID); err != nil {
		return err
	}
	_, err := fmt.Fprintln(t.out, key.Key)
	return err
}

func keyListCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "List keys", Args: exactly(0)}
	addServerFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		server, err := newClient(c, t.env)
		if err != nil {
			return err
		}
		var answer struct {
			Keys []api.KeyInfo `json:"keys"`
		}
		if err := server.callJSON(c.Context(), http.MethodGet, "/v1/keys", nil, &answer); err != nil {
			return err
		}
		if t.format == formatJSON {
			return t.printJSON(answer.Keys)
		}
		rows := [][]string{}
		for i := range answer.Keys {
			k := &answer.Keys[i]
			rows = append(rows, []string{
				k.ID, fit(k.Name, 30), k.State, fit(strings.Join(k.Roles, ","), 30), fit(strings.Join(k.Indexes, ","), 30),
				fit(string(k.Filter), 40), day(k.Expires), day(k.LastUsed),
			})
		}
		return t.printTable([]string{"KEY", "NAME", "STATE", "ROLES", "INDEXES", "FILTER", "EXPIRES", "LAST USED"}, rows)
	}
	return c
}

// day prints a time; nil is never.
func day(at *time.Time) string {
	if at == nil {
		return "never"
	}
	return at.Format(time.DateTime)
}

func keyPath(id string) string { return "/v1/keys/" + url.PathEscape(id) }

func keyRotateCommand(t *terminal) *cobra.Command {
	overlap, file := "", ""
	c := &cobra.Command{
		Use: "rotate ID", Short: "Give a key another secret; the present one stays good for a while", Args: exactly(1),
	}
	c.Flags().StringVar(&overlap, "overlap", "24h", "how long the present secret stays good; 0 is not at all")
	c.Flags().StringVar(&file, "output-file", "", "write the key to a new file that nobody else can read")
	addServerFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		server, err := newClient(c, t.env)
		if err != nil {
			return err
		}
		seconds := int64(0)
		if overlap != "0" {
			d, err := parseSpan(overlap)
			if err != nil {
				return usageError("--overlap: %w", err)
			}
			seconds = int64(d / time.Second)
		}
		body := fmt.Appendf(nil, `{"overlap_seconds":%d}`, seconds)
		var key api.NewKey
		if err := server.callJSON(c.Context(), http.MethodPost, keyPath(args[0])+"/rotate", body, &key); err != nil {
			return err
		}
		return t.showNewKey(&key, file)
	}
	return c
}

func keyRevokeCommand(t *terminal) *cobra.Command {
	return operationStepCommand(t, "revoke ID", "End a key for good, on all nodes",
		func(ctx context.Context, server *client, id string) error {
			var end api.KeyEnd
			if err := server.callJSON(ctx, http.MethodDelete, keyPath(id), nil, &end); err != nil {
				return err
			}
			return t.showEnd("key "+end.ID+" is revoked", &end)
		})
}

// showEnd tells whether all nodes go by a change; if not it is an error, for somebody must look.
func (t *terminal) showEnd(what string, end *api.KeyEnd) error {
	if t.format == formatJSON {
		return t.printJSON(end)
	}
	if end.Effective {
		return t.message("%s, on every node", what)
	}
	return fmt.Errorf("%s, but these nodes did not say that they know: %s; if they run, they go by what was before until "+
		"they hear of it", what, strings.Join(end.Pending, ", "))
}

func keyWhoCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{Use: "whoami", Short: "Tell who the server takes you for", Args: exactly(0)}
	addServerFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		server, err := newClient(c, t.env)
		if err != nil {
			return err
		}
		var who api.WhoAmI
		if err := server.callJSON(c.Context(), http.MethodGet, "/v1/whoami", nil, &who); err != nil {
			return err
		}
		if t.format == formatJSON {
			return t.printJSON(who)
		}
		return t.printColumns([][]string{
			{"principal", who.Principal}, {"name", who.Name}, {"roles", strings.Join(who.Roles, ",")},
			{"expires", day(who.Expires)},
		})
	}
	return c
}

func keyGenerateCommand(t *terminal) *cobra.Command {
	file := ""
	c := &cobra.Command{
		Use: "generate", Short: "Make a key for admin-key-file, without a server", Args: exactly(0),
		RunE: func(*cobra.Command, []string) error {
			key, err := auth.NewCredential(rand.Reader)
			if err != nil {
				return err
			}
			if file != "" {
				return writeSecret(file, key.Text())
			}
			_, err = fmt.Fprintln(t.out, key.Text())
			return err
		},
	}
	c.Flags().StringVar(&file, "output-file", "", "write it to a new file that nobody else can read")
	return c
}
