package main

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"golang.org/x/mod/semver"
)

// version is a version of echod, in the spelling of each format. All are ordered: an untagged
// commit before every version, and a release candidate before its release.
type version struct {
	said string // by "echod version": the tag, or "(devel)", as the Go toolchain has it
	file string // in names of files, and the tag of the image: 1.2.3, 1.2.3-rc.1
	deb  string // for .deb and .rpm: 1.2.3~rc.1 (deb-version(7))
	apk  string // for .apk: 1.2.3_rc1
}

// tagged matches a tag that is a version: the releases and the candidates that .apk knows.
var tagged = regexp.MustCompile(`^v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(alpha|beta|rc)\.(0|[1-9]\d*))?$`)

// versionOf returns the version of the tags of a commit: of a candidate that became the
// release, that of the release. Tags that do not begin with v and a digit are ignored.
func versionOf(tags []string) (version, error) {
	var tag string
	for _, t := range tags {
		if len(t) < 2 || t[0] != 'v' || t[1] < '0' || t[1] > '9' {
			continue
		}
		if !tagged.MatchString(t) {
			return version{}, fmt.Errorf("the tag %s is no version: want e.g. v1.2.3, v1.2.3-beta.1 or v1.2.3-rc.1", t)
		}
		if tag == "" || semver.Compare(t, tag) > 0 {
			tag = t
		}
	}
	if tag == "" {
		return version{}, nil
	}
	number, candidate, _ := strings.Cut(tag[1:], "-")
	v := version{said: tag, file: tag[1:], deb: number, apk: number}
	if candidate != "" {
		v.deb += "~" + candidate
		v.apk += "_" + strings.ReplaceAll(candidate, ".", "")
	}
	return v, nil
}

// untagged returns the version of a commit without a tag. The time orders such builds.
func untagged(at time.Time, commit string) version {
	stamp := "git" + at.Format("20060102150405")
	name := strings.ReplaceAll(commit, "+", ".")
	return version{said: "(devel)", file: "0.0.0-" + stamp + "." + name, deb: "0.0.0~" + stamp + "." + name, apk: "0.0.0_" + stamp}
}
