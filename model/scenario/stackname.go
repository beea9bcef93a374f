package scenario

import "strings"

// WhereFilesAreNamed is what to say where a case or a scenario has a file in
// the place of a stack's name. A file describes programs that are to be run,
// and whoever wrote the case does not decide that on other people's machines.
const WhereFilesAreNamed = "only the command line can name a file: greka replay --stack FILE CASE"

// NamesFile reports whether what stands in the place of a stack's name is the
// path of a description file.
func NamesFile(stack string) bool {
	return strings.HasSuffix(stack, ".txtar") || strings.Count(stack, "/") > 1 ||
		strings.HasPrefix(stack, "/") || strings.HasPrefix(stack, "./") || strings.HasPrefix(stack, "../")
}

// validStack: "baresip", "mutant/contact-from-connection", "sipgo_1.7". It may
// become a path, so it stays below where it begins, and it is never a file's.
func validStack(s string) bool {
	if len(s) > 64 || NamesFile(s) || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-._/") != "" {
		return false
	}
	for _, part := range strings.Split(s, "/") {
		if strings.TrimLeft(part, "-._") != part || part == "" {
			return false
		}
	}
	return true
}
