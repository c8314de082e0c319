package programs

var traefik = Absent{"traefik",
	"v3.7.13 needs several hundred modules, and of some of them the versions that it wants could not be had " +
		"as Go modules, so it was not built; Debian has no package"}

var gost = Absent{"gost",
	"neither github.com/go-gost/gost nor github.com/ginuerzh/gost could be had as a Go module; Debian has no package"}
