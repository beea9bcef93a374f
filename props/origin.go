package props

import (
	"runtime/debug"

	"golang.org/x/sys/unix"
)

const modulePath = "github.com/greka-sip/greka"

// Version is Greka's own version, from what the go command wrote into the
// binary: a release's, a commit's, or "devel".
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return unversioned
	}
	return versionIn(info)
}

// unversioned is the version of a binary that was built from loose files.
const unversioned = "devel"

func versionIn(info *debug.BuildInfo) string {
	for _, m := range append([]*debug.Module{&info.Main}, info.Deps...) {
		if m.Path == modulePath && m.Version != "" && m.Version != "(devel)" {
			return m.Version
		}
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && info.Main.Path == modulePath {
			return unversioned + "-" + s.Value[:min(len(s.Value), 12)]
		}
	}
	return unversioned
}

// kernelRelease is what uname -r prints.
func kernelRelease() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Release[:])
}
