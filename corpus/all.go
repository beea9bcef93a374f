package corpus

import (
	"embed"
	"io/fs"
)

// Own is one of the project's own cases.
type Own struct {
	Name string // baresip/contact-connection-port-200-invite-tcp.txtar
	*Case
}

//go:embed */*.txtar
var own embed.FS

// All returns the project's own cases, in the order of their names. Its error
// is a *SyntaxError.
func All() ([]Own, error) {
	names, err := fs.Glob(own, "*/*"+extension)
	if err != nil {
		return nil, err
	}
	var all []Own
	for _, name := range names {
		data, err := own.ReadFile(name)
		if err != nil {
			return nil, err
		}
		c, err := Parse(name, data)
		if err != nil {
			return nil, err
		}
		all = append(all, Own{name, c})
	}
	return all, nil
}
