module echod/matrix

go 1.26.0
