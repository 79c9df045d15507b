"""CUDA on a real GPU: the .cu text compiled by nvcc and g++, and all its tests run in one process on the device.

Read device.py (is there a GPU?) and build.py (`build_gpu`, the way in) first; then what makes a build: cubin.py (the
device side), stubs.py and host.py (the host side), symbols.py (which stands for which), sides.py (both at once), and
whole.py (the slower way, for what the sides do not take); then what runs one: plan.py, protocol.py, watchdog.py,
worker.py, and runtime/ in C++, which serves the calls of CUDA's API; last timing.py.

Nothing is imported here: this file is seen, and run, where the worker is.
"""
