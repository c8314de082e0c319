package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/apk"
	_ "github.com/goreleaser/nfpm/v2/deb"
	_ "github.com/goreleaser/nfpm/v2/rpm"
)

// packages writes a .deb, .rpm and .apk as packaging/nfpm.yaml describes it.
func (r release) packages(out, stage string, p platform, binary []byte, documents []file) error {
	files := []file{{"echod", 0o755, binary}, {"changelog.Debian.gz", 0o644, gzipped(r.debianChangelog())}}
	for _, f := range documents {
		switch {
		case strings.HasPrefix(f.path, "man/"):
			f.path, f.data = f.path+".gz", gzipped(f.data)
		case f.path == "CHANGELOG.md":
			f.path, f.data = "changelog.gz", gzipped(f.data)
		case f.path == copyrightFile:
			files = append(files, file{"copyright.Debian", f.mode, debianCopyright(f.data)})
		}
		files = append(files, f)
	}
	if err := write(stage, files); err != nil {
		return err
	}
	values := map[string]string{"STAGE": stage, "ARCH": p.arch, "MAINTAINER": r.maintainer}
	for format, version := range map[string]string{"deb": r.version.deb, "rpm": r.version.deb, "apk": r.version.apk} {
		values["VERSION"] = version
		config, err := nfpm.ParseFileWithEnvMapping("nfpm.yaml", func(name string) string { return values[name] })
		if err != nil {
			return err
		}
		info, err := config.Get(format)
		if err != nil {
			return err
		}
		info.MTime, info.License = r.time, r.licence // nfpm expands no variable in the licence
		if format == "apk" {                         // its description is one line
			info.Description, _, _ = strings.Cut(info.Description, "\n")
		}
		for _, c := range info.Contents {
			c.FileInfo.MTime = r.time
		}
		if err := r.stageScripts(stage, info); err != nil {
			return err
		}
		if err := writePackage(out, format, info); err != nil {
			return fmt.Errorf("%s: %w", format, err)
		}
	}
	return nil
}

// stageScripts copies the scripts of a package: an .apk has the times of these files.
func (r release) stageScripts(stage string, info *nfpm.Info) error {
	for _, script := range []*string{&info.Scripts.PostInstall, &info.Scripts.PreRemove, &info.Scripts.PostRemove, &info.APK.Scripts.PostUpgrade} {
		f, err := r.source("packaging/"+*script, *script)
		if err != nil {
			return err
		}
		if err := write(stage, []file{f}); err != nil {
			return err
		}
		*script = filepath.Join(stage, filepath.FromSlash(*script))
		if err := os.Chtimes(*script, r.time, r.time); err != nil {
			return err
		}
	}
	return nil
}

func writePackage(out, format string, info *nfpm.Info) error {
	packager, err := nfpm.Get(format)
	if err != nil {
		return err
	}
	w, err := os.Create(filepath.Join(out, packager.ConventionalFileName(info)))
	if err != nil {
		return err
	}
	if err := packager.Package(nfpm.WithDefaults(info), w); err != nil {
		w.Close()
		return err
	}
	return w.Close()
}

// debianChangelog has the format of deb-changelog(5), which CHANGELOG.md has not.
func (r release) debianChangelog() []byte {
	return fmt.Appendf(nil, "echod (%s-1) unstable; urgency=medium\n\n  * See changelog.gz for what changed.\n\n -- %s  %s\n",
		r.version.deb, r.maintainer, r.time.Format("Mon, 02 Jan 2006 15:04:05 -0700"))
}
