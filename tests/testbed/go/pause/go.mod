module store-testbed/pause

go 1.25.0
