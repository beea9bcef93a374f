package sut

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// dpkgInfo is where Debian keeps the lists of its packages' files.
const dpkgInfo = "/var/lib/dpkg/info"

// common are directories of /etc and /var/lib that many packages put something
// into: it is for others than the program.
var common = []string{"X11", "alternatives", "apache2", "apparmor.d", "apt", "bash_completion.d", "cron.d", "cron.daily", "cron.hourly",
	"cron.monthly", "cron.weekly", "dbus-1", "default", "dpkg", "init.d", "insserv.conf.d", "kernel", "ld.so.conf.d", "logcheck",
	"logrotate.d", "misc", "modprobe.d", "modules-load.d", "monit", "network", "pam.d", "polkit-1", "ppp", "private", "profile.d",
	"rc0.d", "rc1.d", "rc2.d", "rc3.d", "rc4.d", "rc5.d", "rc6.d", "rcS.d", "rsyslog.d", "security", "skel", "ssl", "sudoers.d",
	"sysctl.d", "systemd", "tmpfiles.d", "ucf", "udev", "ufw", "update-motd.d", "xdg"}

// settings lists what the description's packages have in /etc and /var/lib:
// /etc/asterisk, /var/lib/asterisk. Where there is no dpkg there are none.
func (d *Description) settings(info string) []string {
	if len(d.Debian) == 0 {
		return nil
	}
	// To look takes milliseconds, and each process of a stack needs it: it is
	// looked for again only when packages were installed.
	var now time.Time
	if dir, err := os.Stat(info); err == nil {
		now = dir.ModTime()
	}
	key := info + " " + strings.Join(d.Debian, " ")
	known.Lock()
	defer known.Unlock()
	if k, ok := known.of[key]; ok && k.at.Equal(now) {
		return k.paths
	}
	paths := settingsOf(d.Debian, info)
	known.of[key] = lookedFor{now, paths}
	return paths
}

// known is what was looked for.
var known = struct {
	sync.Mutex
	of map[string]lookedFor
}{of: map[string]lookedFor{}}

type lookedFor struct {
	at    time.Time
	paths []string
}

func settingsOf(packages []string, info string) (paths []string) {
	for _, name := range packages {
		if name != filepath.Base(name) {
			continue
		}
		files, _ := filepath.Glob(filepath.Join(info, name+".list"))
		foreign, _ := filepath.Glob(filepath.Join(info, name+":*.list"))
		for _, file := range append(files, foreign...) {
			list, _ := os.ReadFile(file)
			paths = append(paths, settingsIn(string(list))...)
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

func settingsIn(list string) (paths []string) {
	for _, path := range strings.Split(list, "\n") {
		for _, top := range []string{"/etc/", "/var/lib/"} {
			rest, ok := strings.CutPrefix(path, top)
			name, _, _ := strings.Cut(rest, "/")
			if ok && name != "" && !slices.Contains(common, name) {
				paths = append(paths, top+name)
			}
		}
	}
	return paths
}
