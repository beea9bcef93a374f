package netns

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// pipes joins a lab to an init: the command's standard input, its output
// (standard output and error), and the init's control socket.
type pipes struct {
	stdin, output, control                *os.File // ours
	theirStdin, theirOutput, theirControl *os.File
}

func newPipes() (*pipes, error) {
	var p pipes
	var err error
	if p.theirStdin, p.stdin, err = os.Pipe(); err != nil {
		return nil, fmt.Errorf("make pipe: %w", Scarce(err))
	}
	if p.output, p.theirOutput, err = os.Pipe(); err != nil {
		p.closeOurs()
		p.closeTheirs()
		return nil, fmt.Errorf("make pipe: %w", Scarce(err))
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		p.closeOurs()
		p.closeTheirs()
		return nil, fmt.Errorf("make socket pair: %w", Scarce(err))
	}
	// Ours is polled by the runtime, so that waiting on it costs no thread.
	_ = unix.SetNonblock(pair[0], true)
	p.control = os.NewFile(uintptr(pair[0]), "control")
	p.theirControl = os.NewFile(uintptr(pair[1]), "control of init")
	return &p, nil
}

// theirs lists the init's descriptors 0 to controlFD.
func (p *pipes) theirs() []*os.File {
	return []*os.File{p.theirStdin, p.theirOutput, p.theirOutput, p.theirControl}
}

func (p *pipes) closeTheirs() { closeAll(p.theirStdin, p.theirOutput, p.theirControl) }
func (p *pipes) closeOurs()   { closeAll(p.stdin, p.output, p.control) }

func closeAll(files ...*os.File) {
	for _, f := range files {
		if f != nil {
			_ = f.Close()
		}
	}
}
