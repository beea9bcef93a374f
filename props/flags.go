package props

import (
	"context"
	"flag"
	"strconv"
	"testing"
	"time"
)

// shorter is by what go test -short divides the work, as rapid does.
const shorter = 5

// asked is the configuration as the command line of go test wants it, which is
// nearer than what the test's code says: -rapid.checks is the number of
// scenarios, -rapid.seed their seed, and with -short a fifth is played.
func (c Config) asked() Config { return c.askedBy(flag.CommandLine, testing.Short()) }

func (c Config) askedBy(flags *flag.FlagSet, short bool) Config {
	flags.Visit(func(f *flag.Flag) {
		n, err := strconv.ParseUint(f.Value.String(), 10, 64)
		switch {
		case err != nil:
		case f.Name == "rapid.checks":
			c.Checks, c.Time = int(n), 0
		case f.Name == "rapid.seed":
			c.Seed = n
		}
	})
	if short && c.Time > 0 {
		c.Time /= shorter
	} else if short {
		c.Checks = max(c.checks()/shorter, 1)
	}
	return c
}

// summaryTime is how long before a test's deadline a hunt ends, for its summary
// to be printed: a tenth of what is left, at most this long.
const summaryTime = 10 * time.Second

// inTime ends a hunt before the deadline of its test (go test -timeout): one
// that time ends anyway just ends earlier, any other is interrupted then.
func (c Config) inTime(t testing.TB) (Config, context.Context, context.CancelFunc) {
	deadline, ok := time.Time{}, false
	if t, has := t.(interface{ Deadline() (time.Time, bool) }); has {
		deadline, ok = t.Deadline()
	}
	if !ok {
		ctx, cancel := context.WithCancel(context.Background())
		return c, ctx, cancel
	}
	left := time.Until(deadline)
	left -= min(left/10, summaryTime)
	if c.Time > 0 {
		c.Time = min(c.Time, left*9/10)
	}
	ctx, cancel := context.WithTimeout(context.Background(), left)
	return c, ctx, cancel
}
