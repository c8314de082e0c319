module echod/compare

go 1.26.0
