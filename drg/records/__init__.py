"""Record files of every dialect become cases or rejections."""
