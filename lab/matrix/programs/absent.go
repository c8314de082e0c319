package programs

var gost = Absent{"gost",
	"for github.com/go-gost/gost, github.com/go-gost/x and github.com/ginuerzh/gost, the Go module proxy answered " +
		"\"403 Forbidden: This module version is not available\" to a request for the list of versions; " +
		"Debian has no package"}

var newerTraefik = Absent{"traefik v3.7",
	"v3.7.11, v3.7.12 and v3.7.13, the only other versions that the Go module proxy lists, need versions of " +
		"github.com/yandex-cloud/go-sdk or go-genproto that it does not have (403 or 404), so v3.6.12 was tested; it has no version of traefik v2"}
