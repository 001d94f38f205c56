package embedclient

import (
	"net"
	"syscall"
)

// acknowledgeAtOnce turns delayed acknowledgements off until the kernel turns them on again, which it
// does by itself. It is an optimisation: that a connection can't do it is no error.
func acknowledgeAtOnce(c net.Conn) {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1)
	})
}
