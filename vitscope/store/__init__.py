"""The only door to the cache: numpy, JSON and safetensors, and never torch.

    layout    every file name on disk, the format's number, where the cache is
    text      strings from files made safe for a screen
    files     atomic writes, sealed JSON, digests
    process   which process wrote something, and whether it still runs
    lock      one writer per run
    parts     JSON turned into typed values at the door
    arrays    .npy of results and .safetensors of shards, hashed while they are written
    writer    RunWriter: what an extraction calls
    reader    Cache, Run, Result: what everything else calls
    verify    checksums, sizes, removal

A folder of the cache, one per run:

    run.json                            what is measured and how; written first, sealed
    lock                                only while somebody writes
    shards/00003-distance@1.safetensors one metric's state of one shard; removed once folded
    shards/00003.json                   the shard's record, written after its states: the commit
    distance@1/mean.npy                 the arrays of one version of one metric
    distance@1/result.json              written after its arrays: the commit
"""
