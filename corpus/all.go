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

//go:embed */*.txtar */*/*.txtar
var own embed.FS

// All returns the project's own cases, in the order of their names. Its error
// is a *SyntaxError.
func All() ([]Own, error) {
	var all []Own
	err := fs.WalkDir(own, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := own.ReadFile(name)
		if err != nil {
			return err
		}
		c, err := Parse(name, data)
		if err != nil {
			return err
		}
		all = append(all, Own{name, c})
		return nil
	})
	return all, err
}
