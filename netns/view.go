package netns

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// What a command sees of the machine's file system: nothing, but for what is
// listed here. Everything is for reading only, but for its Home and the
// directories in which programs leave things for others, which are its own.

// shared is what programs consist of, on any system.
var shared = []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix/store", "/gnu/store"}

// settings is what of /etc programs and language runtimes need, as patterns.
// Accounts, names and hosts are not among them: those are written anew.
var settings = []string{"ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives",
	"localtime", "timezone", "locale.alias", "locale.conf", "protocols", "services", "rpc", "ethertypes", "networks",
	"host.conf", "gai.conf", "bindresvport.blacklist", "mime.types", "magic", "magic.mime", "terminfo", "inputrc", "fonts",
	"ssl/certs", "ssl/openssl.cnf", "ca-certificates", "ca-certificates.conf", "pki", "crypto-policies", "gcrypt", "gnutls",
	"os-release", "debian_version", "redhat-release", "alpine-release", "lsb-release", "alsa", "asound.conf", "openal",
	"java*", "jvm*", "erlang*", "perl*", "python3*", "ruby*", "lua*", "php*", "node*", "mono*", "dotnet*", "guile*"}

// private are the directories in which programs leave things for others: a
// command finds its own, empty ones.
var private = []string{"/tmp", "/var/tmp", "/run", "/dev/shm"}

// Home is the directory in which a spawned process starts and which its HOME
// and TMPDIR name. It is the same in every process and private to each, so a
// configuration file may contain it.
const Home = "/mnt"

// piece is one thing that a command sees at the path that it has on the machine.
type piece struct {
	Path string
	Link string // what the symbolic link at Path says; "" if it is none
	FD   int    // the init's descriptor of its mounts, 0 if it has none
}

// system lists what of the machine's own every command sees.
func system() []piece {
	systemView.Lock()
	defer systemView.Unlock()
	// A package that was installed meanwhile may have brought more.
	if now := changed("/", "/etc", "/etc/ssl"); systemView.pieces == nil || now != systemView.changed {
		systemView.changed, systemView.pieces = now, listSystem()
	}
	return systemView.pieces
}

var systemView struct {
	sync.Mutex
	changed string
	pieces  []piece
}

// changed tells when directories were changed last.
func changed(dirs ...string) (when string) {
	for _, dir := range dirs {
		var st syscall.Stat_t
		_ = syscall.Stat(dir, &st)
		when += fmt.Sprint(st.Ino, st.Mtim, " ")
	}
	return when
}

func listSystem() (all []piece) {
	for _, path := range shared {
		info, err := os.Lstat(path)
		switch {
		case err != nil:
		case info.Mode()&os.ModeSymlink != 0:
			if link, err := os.Readlink(path); err == nil {
				all = append(all, piece{Path: path, Link: strings.TrimPrefix(link, "/")}) // see links
			}
		case info.IsDir():
			all = append(all, piece{Path: path})
		}
	}
	for _, pattern := range settings {
		found, _ := filepath.Glob("/etc/" + pattern)
		for _, path := range found {
			// Those that are links are shown as what they lead to.
			if info, err := os.Stat(path); err == nil && (info.IsDir() || info.Mode().IsRegular()) {
				all = append(all, piece{Path: path})
			}
		}
	}
	return all
}

// isShown reports whether every command sees a path.
func isShown(path string) bool {
	return slices.ContainsFunc(shared, func(dir string) bool { return within(dir, path) })
}

// within reports whether a path is a directory or lies in it.
func within(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

// broad are directories that hold the things of many: that something of
// somebody's lies in one directly does not mean that it may all be seen.
var broad = []string{"/", "/boot", "/dev", "/etc", "/home", "/media", "/mnt", "/proc", "/root", "/run", "/srv", "/sys", "/tmp", "/var",
	"/var/cache", "/var/lib", "/var/log", "/var/spool", "/var/tmp"}

// isBroad reports whether a directory is one of those, or a home, or above one.
func isBroad(dir string) bool {
	home, _ := os.UserHomeDir()
	return slices.Contains(broad, dir) || filepath.Dir(dir) == "/home" || within(dir, home)
}

// view lists what a command sees besides the system: Dir, Reads, and the
// program with its directory. Of a broad directory only the files that the
// command line names.
func (s Spec) view(program string) ([]string, error) {
	var paths []string
	if s.Dir != "" {
		if filepath.Clean(s.Dir) == Home {
			return nil, hiddenError(Home)
		}
		paths = append(paths, s.narrow(s.Dir, program)...)
	}
	for _, path := range s.Reads {
		if !filepath.IsAbs(path) {
			path = filepath.Join(s.Dir, path)
		}
		paths = append(paths, path)
	}
	if !s.writes(program) {
		paths = append(paths, s.around(program)...)
		if real, err := filepath.EvalSymlinks(program); err == nil && real != program {
			paths = append(paths, s.around(real)...)
		}
	}
	for i, path := range paths {
		path, err := filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		if paths[i] = path; !showable(path) {
			return nil, hiddenError(path)
		}
		if _, err := os.Stat(path); err != nil {
			return nil, err
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths), nil
}

// showable reports whether a path can be shown as the machine has it.
func showable(path string) bool {
	return path != "/" && path != Home && !within("/proc", path) && !within("/dev", path)
}

func hiddenError(path string) error {
	return fmt.Errorf("a command cannot be shown %s, for it has its own: move the description or the program into a directory below", path)
}

// around lists a program's directory, or the program alone.
func (s Spec) around(program string) []string {
	if isShown(program) {
		return nil
	}
	return s.narrow(filepath.Dir(program), program)
}

// narrow is a directory, or, if it is broad, the program and those files right
// in it that the command line names.
func (s Spec) narrow(dir, program string) []string {
	dir, err := filepath.Abs(dir)
	if err != nil || !isBroad(dir) {
		return []string{dir}
	}
	var files []string
	for _, word := range append([]string{program}, s.Argv...) {
		if !filepath.IsAbs(word) {
			word = filepath.Join(dir, word)
		}
		word = filepath.Clean(word)
		if info, err := os.Stat(word); err == nil && info.Mode().IsRegular() && !isShown(word) && (word == program || filepath.Dir(word) == dir) {
			files = append(files, word)
		}
	}
	return files
}
