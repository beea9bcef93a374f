package corpus

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "a"), filepath.Join(dir, "link")
	if err := os.Symlink("a", link); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct{ path, text string }{{file, "new"}, {file, "replaced"}, {link, "through the link"}} {
		if err := WriteFile(x.path, []byte(x.text)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != x.text {
			t.Errorf("%s: %q, %v", x.path, got, err)
		}
	}
	if st, err := os.Lstat(link); err != nil || st.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is %v, %v", st.Mode(), err)
	}
	if all, err := os.ReadDir(dir); err != nil || len(all) != 2 {
		t.Errorf("left behind: %v, %v", all, err)
	}
}

// What is no regular file stays what it is.
func TestWriteFileRefuses(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "null")
	if err := os.Symlink("/dev/null", link); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/dev/null":                     "not a regular file",
		link:                            "not a regular file",
		dir:                             "not a regular file",
		filepath.Join(dir, "none", "a"): "no such file or directory",
	} {
		err := WriteFile(path, []byte("x"))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", path, err)
		}
	}
	if st, err := os.Stat("/dev/null"); err != nil || st.Mode().IsRegular() {
		t.Errorf("/dev/null is %v, %v", st, err)
	}
}
