module echod/inject

go 1.26.0
