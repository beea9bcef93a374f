package netns

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// orders is what the init is told: everything about the command that it runs.
type orders struct {
	Path  string // the executable
	Argv  []string
	Env   []string
	Files map[string][]byte

	View     []piece // what it sees besides the template
	Hostname string
	Hosts    []string // the host's addresses
	Memory   int64    // bytes, of all processes together
	Tasks    int      // processes and threads
	Insecure bool     // start even if something of the sandbox is missing
	Rehearse bool     // start nothing
	Without  []string // layers of the sandbox to leave out, in tests

	mounts []*os.File // those that View names
	system []piece    // what the template shows
}

// close gives up the mounts that the init was given.
func (o *orders) close() { closeAll(o.mounts...) }

// The init answers with one report when the command was started, or was not,
// one if a limit was passed, and one when the command has ended.
type report struct {
	Failure string   // "" or why the command was not started
	Missing []string // what the sandbox lacks
	Limit   string   // "" or the limit that was passed
	Ended   bool
	Status  uint32 // as wait(2) has it
}

// maxFrame bounds what one side takes from the other, in bytes.
const maxFrame = 64 << 20

func send(w io.Writer, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	frame := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(body)), uint32(len(body)))
	_, err = w.Write(append(frame, body...))
	return err
}

func receive(r io.Reader, v any) error {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxFrame {
		return fmt.Errorf("frame of %d bytes", n)
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(r, body); err != nil {
		return err
	}
	return json.Unmarshal(body, v)
}
