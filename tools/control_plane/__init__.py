"""A real Kubernetes control plane on this machine, without containers: for tests, benchmarks and `make cluster`.

pins, toolchain, building    which programs, from which Go modules, and how they get into the person's cache
plane                        starts etcd, kube-apiserver and what else is asked for, and ends them for certain
api, audit                   speak to the API server as a test does, and read who did what there
background                   the control plane of `make cluster`
"""
