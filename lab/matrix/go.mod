module echod/lab/matrix

go 1.26.0
