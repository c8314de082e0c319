package sandbox

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxLinks is how many symbolic links are followed (path_resolution(7)).
const maxLinks = 40

// folders returns the folders from which a file is read, also after it is replaced. That
// is the folder that the file is in, because another file may get its name. It is also the
// folder of each symbolic link on the way to it: a link that is changed mostly leads to
// something beside itself, as ..data does in a secret of Kubernetes, or current in
// /etc/echod/current/tls.pem. A link in the root or in a folder of the root, e.g. /var/run,
// does not count: too many files are below it.
func folders(path string) []string {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil
	}
	var found []string
	at, rest := "/", path
	for links := 0; rest != ""; {
		name, after, _ := strings.Cut(strings.TrimLeft(rest, "/"), "/")
		next := filepath.Join(at, name)
		target, err := os.Readlink(next)
		if err != nil || links == maxLinks {
			if after == "" {
				found = append(found, at)
			}
			at, rest = next, after
			continue
		}
		links++
		if strings.Count(at, "/") > 1 {
			found = append(found, at)
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		rest = filepath.Join(target, after)
		for rest == ".." || strings.HasPrefix(rest, "../") {
			at, rest = filepath.Dir(at), strings.TrimPrefix(rest[2:], "/")
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}
