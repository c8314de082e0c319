module echod/lab/inject

go 1.26.0
