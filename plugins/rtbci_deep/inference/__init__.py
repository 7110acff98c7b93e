"""Predicting with a trained network: fixed shapes, buffers that are made once, one device.

::

    fused/       a trained network with fewer operations
    steps        one function of it with its input buffer: on a CPU
    cuda         the same on a GPU: page-locked memory, a stream of its own, captured graphs
    onnx_runner  the same by onnxruntime; export to ONNX
    runtimes     which of them a model is run with, chosen after training
    runner       windows in, outputs out; chunks: windows of which parts were seen before
    joint        windows of several decoders in one batch
    timing       which of several ways is faster
"""
