package gossip

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// ParseJoin understands where members are to be found, and gives a function for Config.Join. An entry is
//
//	host:port, host           one member, by name or address; the port is 7946 if none is given
//	dns+name:port, dns+name   every address of a DNS name
//	dnssrv+name               every target of the SRV records of a DNS name
//	file:path                 the entries in a file, one a line, with comments from # to the end of the line
//
// A bad entry gives ErrJoinEntry, naming it. The function looks things up and reads files each time it is called; what
// fails then is its error, beside the addresses of the rest.
func ParseJoin(spec []string) (func() ([]string, error), error) {
	return parseJoin(spec, joinSources{
		hosts: func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		},
		services: func(ctx context.Context, name string) ([]*net.SRV, error) {
			_, records, err := net.DefaultResolver.LookupSRV(ctx, "", "", name)
			return records, err
		},
		read: readJoinFile,
	})
}

// joinSources is where entries are looked up.
type joinSources struct {
	hosts    func(ctx context.Context, host string) ([]netip.Addr, error)
	services func(ctx context.Context, name string) ([]*net.SRV, error)
	read     func(path string) (string, error)
}

// joinEntry gives the addresses of one entry.
type joinEntry func() ([]string, error)

func parseJoin(spec []string, from joinSources) (func() ([]string, error), error) {
	entries := make([]joinEntry, 0, len(spec))
	for _, text := range spec {
		entry, err := from.parse(text)
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry)
	}
	return func() ([]string, error) { return collect(entries) }, nil
}

// collect gives the addresses of all entries, each once.
func collect(entries []joinEntry) ([]string, error) {
	var all []string
	var failure error
	seen := map[string]bool{}
	for _, entry := range entries {
		addresses, err := entry()
		failure = errors.Join(failure, err)
		for _, a := range addresses {
			if !seen[a] {
				seen[a] = true
				all = append(all, a)
			}
		}
	}
	return all, failure
}

func (s joinSources) parse(text string) (joinEntry, error) {
	text = strings.TrimSpace(text)
	if path, ok := strings.CutPrefix(text, "file:"); ok {
		if path == "" {
			return nil, fmt.Errorf("%w %q: there is no path", ErrJoinEntry, text)
		}
		return func() ([]string, error) { return s.file(path) }, nil
	}
	return s.parseHost(text)
}

// parseHost understands the entries that are no files.
func (s joinSources) parseHost(text string) (joinEntry, error) {
	if name, ok := strings.CutPrefix(text, "dnssrv+"); ok {
		if !isHost(name) {
			return nil, fmt.Errorf("%w %q: %q is no DNS name", ErrJoinEntry, text, name)
		}
		return func() ([]string, error) { return s.targets(name) }, nil
	}
	hostPort, lookUp := strings.CutPrefix(text, "dns+")
	host, port, err := splitEntry(hostPort)
	if err != nil {
		return nil, fmt.Errorf("%w %q: %w", ErrJoinEntry, text, err)
	}
	if lookUp {
		return func() ([]string, error) { return s.addresses(host, port) }, nil
	}
	return func() ([]string, error) { return []string{net.JoinHostPort(host, port)}, nil }, nil
}

func (s joinSources) addresses(host, port string) ([]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
	defer cancel()
	found, err := s.hosts(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("look up join addresses of %s: %w", host, err)
	}
	addresses := make([]string, len(found))
	for i, a := range found {
		addresses[i] = net.JoinHostPort(a.Unmap().String(), port)
	}
	return addresses, nil
}

func (s joinSources) targets(name string) ([]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
	defer cancel()
	found, err := s.services(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("look up join services of %s: %w", name, err)
	}
	addresses := make([]string, len(found))
	for i, r := range found {
		addresses[i] = net.JoinHostPort(strings.TrimSuffix(r.Target, "."), strconv.Itoa(int(r.Port)))
	}
	return addresses, nil
}

// file gives the addresses of a file's entries. A bad line does not spoil the others.
func (s joinSources) file(path string) ([]string, error) {
	text, err := s.read(path)
	if err != nil {
		return nil, fmt.Errorf("read join file: %w", err)
	}
	var entries []joinEntry
	var failure error
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		entry, err := s.parseHost(line) // no files in files: they could name each other
		if err != nil {
			failure = errors.Join(failure, fmt.Errorf("read join file %s: line %d: %w", path, i+1, err))
			continue
		}
		if entries = append(entries, entry); len(entries) == maxJoinAddresses {
			break
		}
	}
	addresses, err := collect(entries)
	return addresses, errors.Join(failure, err)
}

func readJoinFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err // names the file
	}
	data, err := io.ReadAll(io.LimitReader(f, maxJoinFile+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	if len(data) > maxJoinFile {
		return "", fmt.Errorf("%w: %s is larger than %d bytes", ErrJoinEntry, path, maxJoinFile)
	}
	return string(data), nil
}

// splitEntry understands host:port, host, [v6]:port and v6.
func splitEntry(text string) (host, port string, err error) {
	if _, err := netip.ParseAddr(text); err == nil {
		return text, strconv.Itoa(DefaultPort), nil
	}
	if !strings.Contains(text, ":") {
		text = net.JoinHostPort(text, strconv.Itoa(DefaultPort))
	}
	host, port, err = net.SplitHostPort(text)
	if err != nil {
		return "", "", err
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", "", fmt.Errorf("port %q is not 1 to 65535", port)
	}
	if _, err := netip.ParseAddr(host); err != nil && !isHost(host) {
		return "", "", fmt.Errorf("%q is no host name or address", host)
	}
	return host, port, nil
}

// isHost tells whether a text can be a DNS name; services have underscores.
func isHost(text string) bool {
	return len(text) <= 253 && regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?$`).MatchString(text)
}
