module echod/lab/cluster

go 1.26.0
