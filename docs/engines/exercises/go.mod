module echod/docs/engines/exercises

go 1.26.0

require (
	echod v0.0.0
	golang.org/x/sys v0.49.0
)

replace echod => ../../../
