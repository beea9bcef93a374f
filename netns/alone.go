package netns

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// RunAlone runs a command as Spawn does, in the same sandbox, but in a network
// namespace of its own that holds nothing but a loopback interface. It is for
// what a description names besides its stack: the command that prints its
// version, one that builds it. It returns when the command has ended, with the
// first bytes of its output, limit at the most, or when ctx has; then nothing of
// it is left. That the command failed is an *Exit.
func RunAlone(ctx context.Context, s Spec, limit int) (output []byte, err error) {
	o, err := s.orders("alone", nil)
	if err != nil {
		return nil, fmt.Errorf("netns: run alone: %w", err)
	}
	defer o.close()
	p, err := launch(apart, s.Owner, o, &head{limit: limit})
	if err != nil {
		return nil, fmt.Errorf("netns: run alone %s: %w", o.Path, err)
	}
	_ = p.pipes.stdin.Close() // nobody writes to it
	select {
	case <-ctx.Done():
		err = ctx.Err()
	case <-p.Done():
		err = failure(p.Err())
	}
	if killed := p.Kill(); killed != nil && err == nil {
		err = killed
	}
	return p.Output(), err
}

// failure is nil if a command ended as it should.
func failure(err error) error {
	var exit *Exit
	if errors.As(err, &exit) && *exit == (Exit{}) {
		return nil
	}
	return err
}

// apart runs f on a thread in a network namespace that ends with what f starts
// in it.
func apart(f func() error) error {
	return away(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("make network namespace: %w", err)
		}
		if err := loopbackUp(); err != nil {
			return err
		}
		return f()
	})
}
