"""Exact entropy coding: how a map of codes becomes bytes, and bytes become the same codes.

A model encodes an image to a map of codes, one for each latent vector. `Codec` writes such a map as
bytes. Its modules, in the order of use:

1. `codec` asks the bottleneck for its `EntropyModel`
   (`umbed_keras.bottlenecks.entropy_models`), which converts each code to a fixed number of
   integers, its symbols, and says where the probabilities of the symbols come from.

2. If a network is to predict them, `interlacing` gives the order of coding. The map is coded in
   passes over ever finer grids, so that each position lies between four positions that are already
   known, and all positions of a pass can be computed at once.

3. `training` fits that network to codes, once for a model (`model.adapt_codec`). `code_network` is
   the network in Keras: for each symbol of a position it computes the cost in bits from the four
   neighbours and from the symbols before it in the same code. `network_weights` rounds its weights
   to 8 bits and packs them into the two arrays that a preset's `codec.h5` holds.

4. Encoder and decoder must compute every probability equally to the last bit, on every machine and
   backend: a single difference would garble all that follows. Therefore `integer_network`
   evaluates the network in whole numbers (Balle, Johnston & Minnen 2019, "Integer networks for data
   compression with latent-variable models"). `integer_layers` computes sums that are exact in
   float32 in any order of summation. A symbol with more than 32 values is coded as two digits.

5. The integers of a `ScalarQuantizer` have a density already, and no network is trained.
   `table_model` codes them by tables of probabilities, and writes integers that no table contains
   after an escape. Either each channel has one table, stored in `codec.h5`, or the bottleneck's
   `ScalarContext` predicts the table of each integer from its neighbours, which `integer_context`
   repeats in whole numbers; then nothing is stored.

6. `range_coder` turns symbols and their probabilities into bytes, at a cost close to the negative
   logarithm of the probabilities (Martin 1979). It is the range coder of the library constriction.

7. `stream` puts a header before these bytes: a fingerprint of model and codec, the size of the
   image, and a checksum.

Decoding goes the same way. `IntegerNetwork.transfer` and `TableModel.transfer` are written once for
both directions: they ask a coder to transfer symbols with given frequencies, and an `Encoder`
writes the symbols while a `Decoder` reads and returns them. The orders of passes, chunks, symbols
and digits, and the rounding of probabilities, are part of the format: a change of any of them
makes existing streams unreadable and must change `stream.FORMAT`.
"""

from umbed_keras.codec.codec import Codec

__all__ = ["Codec"]
