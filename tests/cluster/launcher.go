package cluster

import (
	"os/exec"
	"runtime"
	"syscall"
)

// launcher starts processes that die with this one. The kernel sends the signal when the thread that started them
// ends, so one goroutine keeps one thread for it.
type launcher struct {
	work chan func()
}

func newLauncher() *launcher {
	l := &launcher{work: make(chan func())}
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for f := range l.work {
			f()
		}
	}()
	return l
}

// start starts a command in a process group of its own.
func (l *launcher) start(c *exec.Cmd) error {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	done := make(chan error)
	l.work <- func() { done <- c.Start() }
	return <-done
}

// close ends the goroutine; the processes must be gone.
func (l *launcher) close() { close(l.work) }
