package props

import (
	"github.com/greka-sip/greka/corpus"
	"github.com/greka-sip/greka/sut"
)

// TryOut finds out whether the cases of a stack could be written to c.Out, so
// that it is known before a hunt and not after it. Nothing is left behind.
func (c *Config) TryOut(s *sut.Stack) error {
	if c.Out == "" {
		return nil
	}
	return corpus.TryDir(caseDir(c.Out, s.Name))
}
