package programs

var traefik = Absent{"traefik",
	"v3.7.13 needs several hundred modules to build, and two of them (forks that its go.mod puts in the place of others) " +
		"cannot be had by somebody who requires it as a module; Debian has no package"}

var gost = Absent{"gost",
	"no version of github.com/go-gost/gost or github.com/ginuerzh/gost can be required as a module: " +
		"their tags of version 2 and 3 lack the suffix in the module's path; Debian has no package"}
