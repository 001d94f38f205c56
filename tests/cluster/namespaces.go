package cluster

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os/exec"
	"strings"
	"sync"
	"syscall"
)

// namespaces is a network of one namespace for each node, all plugged into a bridge. To cut a node off its plug
// is pulled: packets vanish both ways, and nobody gets an error.
type namespaces struct {
	// prefix starts every name of this network: those of interfaces have 15 letters at most.
	prefix string
	subnet string

	mu     sync.Mutex
	number map[string]int // of the node, from 1
	host   int            // the last byte given out
	// reaper takes everything away when its standard input is closed, which happens when this process ends in
	// whatever way.
	reaper *exec.Cmd
	stdin  io.Closer
}

// reap waits for the end of its input, then removes the namespaces, and with them their plugs, and the bridge. The
// processes are dead or die: they are told by the kernel.
const reap = `cat >/dev/null
for n in $(ip netns list | cut -d' ' -f1 | grep "^$1"); do
	for p in $(ip netns pids "$n"); do kill -9 "$p" 2>/dev/null; done
	ip netns del "$n"
done
ip link del "$1b" 2>/dev/null; exit 0`

func openNamespaces() (*namespaces, error) {
	n := &namespaces{number: map[string]int{}, host: 1}
	n.prefix = fmt.Sprintf("sg%05x", rand.N(1<<20))
	n.reaper = exec.Command("sh", "-c", reap, "sh", n.prefix)
	// A signal of the terminal must not end it.
	n.reaper.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var err error
	if n.stdin, err = n.reaper.StdinPipe(); err != nil {
		return nil, fmt.Errorf("prepare removing the network: %w", err)
	}
	if err := n.reaper.Start(); err != nil {
		return nil, fmt.Errorf("prepare removing the network: %w", err)
	}
	if n.subnet, err = freeSubnet(); err == nil {
		err = ip(
			"link add "+n.bridge()+" type bridge", "addr add "+n.subnet+".1/24 dev "+n.bridge(), "link set "+n.bridge()+" up",
		)
	}
	if err != nil {
		return nil, errors.Join(err, n.close())
	}
	return n, nil
}

// freeSubnet gives the first three bytes of a network of the range for benchmarks that this machine has no
// address in.
func freeSubnet() (string, error) {
	present, err := net.InterfaceAddrs()
	if err != nil {
		return "", fmt.Errorf("list addresses: %w", err)
	}
	for range portTries {
		subnet := fmt.Sprintf("198.%d.%d", 18+rand.N(2), rand.N(256))
		taken := false
		for _, a := range present {
			taken = taken || strings.HasPrefix(a.String(), subnet+".")
		}
		if !taken {
			return subnet, nil
		}
	}
	return "", errors.New("find a free subnet: none in 198.18.0.0/15")
}

func (n *namespaces) bridge() string { return n.prefix + "b" }

// namespace and plug are the names of a node's; the caller holds mu.
func (n *namespaces) namespace(id string) string { return fmt.Sprintf("%s-%d", n.prefix, n.number[id]) }

func (n *namespaces) plug(id string) string { return fmt.Sprintf("%sp%d", n.prefix, n.number[id]) }

func (n *namespaces) place(id string) (addresses, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.host == 254 {
		return addresses{}, errors.New("all addresses of the subnet were given out")
	}
	n.host++
	host := fmt.Sprintf("%s.%d", n.subnet, n.host)
	if _, ok := n.number[id]; !ok {
		n.number[id] = len(n.number) + 1
		space, plug := n.namespace(id), n.plug(id)
		if err := ip("netns add "+space,
			"link add "+plug+" type veth peer name eth0 netns "+space,
			"link set "+plug+" master "+n.bridge(), "link set "+plug+" up",
			"-n "+space+" link set lo up", "-n "+space+" link set eth0 up",
		); err != nil {
			return addresses{}, err
		}
	}
	space := n.namespace(id)
	if err := ip("-n "+space+" addr flush dev eth0", "-n "+space+" addr add "+host+"/24 dev eth0"); err != nil {
		return addresses{}, err
	}
	return addresses{
		http: host + ":8000", ops: host + ":9090", rpc: host + ":7947", gossip: host + ":7946", join: host + ":7946",
	}, nil
}

func (n *namespaces) command(id string) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return []string{"ip", "netns", "exec", n.namespace(id)}
}

func (n *namespaces) isolate(id string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return ip("link set " + n.plug(id) + " nomaster")
}

func (n *namespaces) heal(id string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return ip("link set " + n.plug(id) + " master " + n.bridge())
}

func (n *namespaces) started(string, int) {}

func (n *namespaces) close() error {
	err := n.stdin.Close()
	if waitErr := n.reaper.Wait(); waitErr != nil {
		err = errors.Join(err, fmt.Errorf("remove the network: %w", waitErr))
	}
	return err
}

// ip runs commands of ip(8), up to the first that fails.
func ip(commands ...string) error {
	for _, c := range commands {
		if out, err := exec.Command("ip", strings.Fields(c)...).CombinedOutput(); err != nil {
			return fmt.Errorf("run ip %s: %w: %s", c, err, strings.TrimSpace(string(out)))
		}
	}
	return nil
}
