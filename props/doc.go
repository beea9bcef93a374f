// Package props draws scenarios, plays them, and makes of what fails the
// smallest call that shows it, with the sentence that explains it.
//
// It answers the question that Greka exists for: is there a call in which this
// stack gives away an address on which nobody accepts?
//
//	func TestMain(m *testing.M) { netns.Main(m) }
//
//	func TestMyStack(t *testing.T) { props.Check(t, "./mystack.txtar") }
//
// The stages, in the order of the data: Scenarios and Draw (generate.go) yield
// scenarios; a session plays one (play.go), with what befalls it (fault.go), and
// notes every address handed out and every use of it (observe.go); model.Judge
// judges; Minimize reduces
// (minimize.go, reduce.go, rename.go); Explain explains; Hunt does all that
// many times on several cores, and Replay does it for a case.
//
// Next: cmd/greka, the command line.
package props
