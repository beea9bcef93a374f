package scenario

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// stepText is how one kind of step reads, prints and is checked. A new kind is
// one file with its type (with the methods of Step) and
//
//	func init() {
//		addStep("close", "SOCKET", readClose, writeClose, checkClose)
//	}
//
// where the three functions are
//
//	func readClose(l *textLine) Close          // l stands behind the word "close"
//	func writeClose(s Close) []string          // the words behind "close"
//	func checkClose(c *checker, s Close)       // does it make sense here?
//
// read takes words with l.name, l.take, l.transport, l.more, l.options and
// complains with l.fail; it need not look whether the line ends, nor stop after
// a failure: the first one sticks. write gives back words which read takes for
// an equal step. check runs for the steps in order, once the topology is known
// to be good; it complains with c.fail, c.host, c.element, …, and may leave
// names for later steps in c.defined. Parse, Format, Validate, the tests and
// the fuzz targets know the new step then.
type stepText struct {
	word, usage string
	read        func(*textLine) Step
	write       func(Step) []string
	check       func(*checker, Step)
}

var (
	stepByWord = map[string]*stepText{}
	stepByType = map[reflect.Type]*stepText{}
)

// addStep makes a kind of step known. usage is what follows the word, as in
// "UA [udp|tcp]".
func addStep[T Step](word, usage string, read func(*textLine) T, write func(T) []string, check func(*checker, T)) {
	t := &stepText{
		word:  word,
		usage: usage,
		read:  func(l *textLine) Step { return read(l) },
		write: func(s Step) []string { return write(s.(T)) },
		check: func(c *checker, s Step) { check(c, s.(T)) },
	}
	if stepByWord[word] != nil || declarationOf(word) != nil {
		panic("scenario: two meanings of " + word)
	}
	stepByWord[word] = t
	stepByType[reflect.TypeFor[T]()] = t
}

// Word returns the word that a step's line begins with.
func Word(step Step) string {
	if t := stepByType[reflect.TypeOf(step)]; t != nil {
		return t.word
	}
	return fmt.Sprintf("%T", step)
}

// Words lists the words that steps begin with, one for each kind.
func Words() []string { return slices.Sorted(maps.Keys(stepByWord)) }

// Usage lists every line that a scenario may hold, topology first.
func Usage() (lines []string) {
	for _, d := range declarations {
		lines = append(lines, d.word+" "+d.usage)
	}
	top := len(lines)
	for _, t := range stepByWord {
		lines = append(lines, t.word+" "+t.usage)
	}
	slices.Sort(lines[top:])
	return lines
}

// firstWords says what a line may begin with, for a message: every declaration,
// and of the steps, which are many, the two that most scenarios are made of.
func firstWords() string {
	var words []string
	for _, d := range declarations {
		words = append(words, d.word)
	}
	return strings.Join(words, ", ") + ", or a step: register, call or another one"
}
