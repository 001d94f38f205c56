package cluster

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// owner gives the node that the other end of a connection on this machine belongs to, "" if it is of none. The
// kernel lists sockets with their inodes, and what a process has open by the same.
func (f *forwarders) owner(c net.Conn) string {
	remote, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return ""
	}
	inode := socketInode(remote)
	if inode == "" {
		return ""
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, pid := range f.pids {
		if holds(pid, "socket:["+inode+"]") {
			return id
		}
	}
	return ""
}

// socketInode looks a local end up in the kernel's table, whose lines are
// "number: local remote state queues timer retransmits uid timeout inode ..".
func socketInode(local *net.TCPAddr) string {
	ip := local.IP.To4()
	if ip == nil {
		return ""
	}
	want := fmt.Sprintf("%08X:%04X", binary.NativeEndian.Uint32(ip), local.Port)
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(table)) {
		if fields := strings.Fields(line); len(fields) > 9 && fields[1] == want {
			return fields[9]
		}
	}
	return ""
}

// holds reports whether a process has something open.
func holds(pid int, what string) bool {
	dir := filepath.Join("/proc", strconv.Itoa(pid), "fd")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, e := range entries {
		if target, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil && target == what {
			return true
		}
	}
	return false
}
