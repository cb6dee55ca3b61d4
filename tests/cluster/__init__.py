"""A real one-node Kubernetes for the tests, as root on a plain Debian machine: `python -m tests.cluster up`.

What this is: the Kubernetes components, etcd, containerd 2, CoreDNS, metrics-server and a registry built from Go
modules, started in a network namespace of their own and stopped without a trace. What it is not: a mock, nor
something to run in production: its admin token lies in a file and etcd never syncs.
"""
