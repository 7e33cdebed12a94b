module store-testbed/local-path-provisioner

go 1.25.0

require github.com/rancher/local-path-provisioner v0.0.30
