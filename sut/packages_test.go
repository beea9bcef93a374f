package sut

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A stack sees the settings that its packages brought, and no others'.
func TestSettingsOfPackages(t *testing.T) {
	info := t.TempDir()
	for name, list := range map[string]string{
		"asterisk.list":       "/.\n/etc\n/etc/default\n/etc/default/asterisk\n/etc/init.d\n/usr/sbin/asterisk\n/var/lib\n/var/lib/asterisk\n/var/lib/asterisk/keys\n",
		"asterisk-conf.list":  "/etc/asterisk\n/etc/asterisk/sip.conf\n/etc/one.conf\n",
		"libthing:amd64.list": "/etc/thing/x\n",
		"openssh-server.list": "/etc/ssh\n",
	} {
		if err := os.WriteFile(filepath.Join(info, name), []byte(list), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for names, want := range map[string]string{
		"asterisk asterisk-conf": "/etc/asterisk /etc/one.conf /var/lib/asterisk",
		"libthing":               "/etc/thing",
		"not-there":              "",
		"../info/openssh-server": "",
		"":                       "",
	} {
		d := &Description{Debian: strings.Fields(names)}
		if got := strings.Join(d.settings(info), " "); got != want {
			t.Errorf("%q: %q, want %q", names, got, want)
		}
	}
}

// A package that is installed meanwhile is found.
func TestSettingsAreLookedForAgain(t *testing.T) {
	info := t.TempDir()
	d := &Description{Debian: []string{"thing"}}
	if got := d.settings(info); got != nil {
		t.Errorf("%q", got)
	}
	file := filepath.Join(info, "thing.list")
	if err := errors.Join(os.WriteFile(file, []byte("/etc/thing/conf\n"), 0o644), os.Chtimes(info, time.Time{}, time.Now().Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(d.settings(info), " "); got != "/etc/thing" {
		t.Errorf("%q", got)
	}
}
